"""What earlier runs left behind: entries, the last runs in full, the tables of drills."""
