# SPDX-License-Identifier: Apache-2.0
"""What is true of runs, effects, workflows and queues on SQLite is true on PostgreSQL."""

import subprocess
import unittest

import test_crash_matrix
import test_queue
import test_run_effects
import test_runs
import test_workflow
from rig import OnPostgres


class Replaying(OnPostgres, test_runs.Replaying):
    pass


class Fencing(OnPostgres, test_runs.Fencing):
    pass


class Outliving(OnPostgres, test_runs.Outliving):
    pass


class Dying(OnPostgres, test_runs.Dying):
    def test_no_word_of_a_run_stands_in_clear(self):
        self.call(1, test_runs.chat("zebra-8832-marker", stream=True))
        self.again()
        url = self.postgres.url(self.governor.folder)
        dump = subprocess.run(["pg_dump", url], capture_output=True, check=True).stdout
        self.assertIn(b"COPY public.steps", dump)
        self.assertNotIn(b"zebra-8832-marker", dump)
        self.assertNotIn(b"zebra-8832-marker".hex().encode(), dump)


class Effects(OnPostgres, test_run_effects.Effects):
    pass


class CrashMatrix(OnPostgres, test_crash_matrix.Matrix):
    cells = {}


class WorkflowSteps(OnPostgres, test_workflow.Steps):
    pass


class WorkflowEnds(OnPostgres, test_workflow.Ends):
    pass


class WorkflowDying(OnPostgres, test_workflow.Dying):
    pass


class Sleeping(OnPostgres, test_workflow.Sleeping):
    pass


class Approvals(OnPostgres, test_workflow.Approvals):
    pass


class Children(OnPostgres, test_workflow.Children):
    pass


class Claiming(OnPostgres, test_queue.Claiming):
    pass


class Losing(OnPostgres, test_queue.Losing):
    pass


del OnPostgres

if __name__ == "__main__":
    unittest.main()
