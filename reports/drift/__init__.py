"""The drift stage: compares the reference with the current window, column by column, and judges the differences."""
