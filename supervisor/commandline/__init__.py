"""The operator's commands as the command line has them, one module a group; `cli` puts them together.

`tenants`, `superusers`, `server`, `renewal`, `hooks` and `doctor` are the groups, `asking` is what they share, `since`
the option of that name, `follow` what `events --follow` does. `top` has a loop of its own: `terminal` (keys, and all as
it was in the end), `view` (what is chosen), `past` (what is remembered), `picture` (what is drawn).

Each only talks over the control socket, so it must start fast: what is not needed to read arguments is imported in the
command that needs it.
"""
