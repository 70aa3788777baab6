"""The three patches that turn one object into another: JSON patch, merge patch, strategic merge patch."""
