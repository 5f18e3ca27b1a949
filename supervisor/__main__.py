"""`python -m supervisor` does what `pocker` does."""

from supervisor.cli import main

if __name__ == "__main__":
    main()
