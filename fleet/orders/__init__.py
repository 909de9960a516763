"""Work orders: what somebody is to do, from the order to the evidence that it was done."""
