"""What the commands that train networks share: problems, variants, members, outcomes."""
