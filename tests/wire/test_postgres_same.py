# SPDX-License-Identifier: Apache-2.0
"""What is true of records, keys, limits, switches and reviews on SQLite is true on PostgreSQL."""

import unittest

import test_api
import test_limits
import test_operate
from rig import OnPostgres


class Records(OnPostgres, test_operate.Records):
    pass


class Crashing(OnPostgres, test_operate.Crashing):
    pass


class Keys(OnPostgres, test_limits.Keys):
    pass


class Limits(OnPostgres, test_limits.Limits):
    pass


class Switches(OnPostgres, test_limits.Switches):
    pass


class Reviews(OnPostgres, test_api.Records):
    pass


del OnPostgres

if __name__ == "__main__":
    unittest.main()
