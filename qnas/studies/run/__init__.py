"""The state of a run: `opening` opens a `run.Run`, whose files are in a `run_directory`."""
