"""The command line's entry; its commands live in tidegate/cli."""

from tidegate.cli.main import main

if __name__ == "__main__":
    main()
