"""Where versions of a model live, and how the current one is found and verified."""
