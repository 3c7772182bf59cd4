"""
The zygote's process: started by the supervisor, and of no use by hand.
"""

from ..garbage import undisturbed

with undisturbed():
    from .zygote import main

if __name__ == "__main__":
    main()
