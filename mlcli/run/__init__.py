"""One run of an experiment: from resolved parameters to a run folder."""
