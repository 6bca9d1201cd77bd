"""The console's page of data sets."""
