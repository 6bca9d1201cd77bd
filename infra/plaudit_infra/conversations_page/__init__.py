"""The console's page of conversations: find one, see it now and as it was, send, correct or erase it."""
