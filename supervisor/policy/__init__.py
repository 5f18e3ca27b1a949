"""What follows from the figures: pure functions of facts, memory, settings and the time.

facts ──► decide ──► actions          `decide` has the order of the rules, `facts` and `actions` are values
            │  ▲
            ▼  │                       rules: hangs, conduct + steps, pressure, bloat, hotspots; backoff
          memory
"""
