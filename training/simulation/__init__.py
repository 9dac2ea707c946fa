"""What the simulator is made of: parameters, a district, its ordinary histories, their export.

`training.simulate` puts it together; `training.inject` says what is planted.
"""
