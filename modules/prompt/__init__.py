"""From a person's words to what an encoder is given. The room knows no tensors, files or models."""
