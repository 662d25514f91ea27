"""What drift compares with was changed in the model folder, which was then signed again."""
