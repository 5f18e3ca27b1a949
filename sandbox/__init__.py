"""Reserved for the processes that will run tenants' JavaScript. It will import nothing of the other packages."""
