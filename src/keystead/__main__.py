"""``python -m keystead`` is the command ``keystead``."""

from keystead.cli.main import main

if __name__ == "__main__":
    main()
