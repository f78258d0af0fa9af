"""How strong the attacks on every compiled family are, by the loss that they climb: `python -m tests.stand_ins`."""
