"""A tenant's settings and its request log.

`settings` are the types and the stored row, `settingsform` what a body makes of them, `settingscheck` (with `cron` and
`networks`) what they must satisfy, `settingschange` how they are saved and in force. `logs` is the log, `logrows` what
an entry becomes, `logreader` how it is read. `rooms` looks after disk quotas and the free disk. `console` and its
child `consoleproc` run superusers' SQL.
"""
