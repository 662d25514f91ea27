"""Settings that ask less than they did of the champion: each must be said."""
