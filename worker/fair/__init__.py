"""What each tenant takes of a worker: counted (`account`), told to the supervisor (`report`), admitted and put in order
(`gate` → `limits`, `queue`, `bucket`). `disk` measures its files and looks at the free space, `descriptors` at what can
still be opened.
"""
