"""The filter language, pure: `scanner` → `parser` → `nodes` → `compiler` → SQL with parameters.

`operands`, `compare` and `functions` are the compiler's parts, `listing` is the sort parameter. Names are resolved by
whoever calls, through a protocol; `plain` is the resolver of tables whose names lead nowhere else.
"""
