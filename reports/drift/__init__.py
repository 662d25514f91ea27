"""The drift stage: reference and current window compared column by column, and what that means."""
