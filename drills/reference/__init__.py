"""What drift goes by was changed in the model folder, and signed anew by whoever changed it."""
