"""Records to tensors: crops, augmentation, mixtures, motion capture."""
