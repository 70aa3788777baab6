"""`python -m tidegate.settings` prints the settings reference."""

from tidegate.settings.reference import settings_reference

if __name__ == "__main__":
    print(settings_reference(), end="")
