"""The servers that one would write or pick instead of this project. Each answers POST /predict as this project does."""
