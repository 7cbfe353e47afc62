# SPDX-License-Identifier: Apache-2.0
"""The figures of bench/guard.py, on numbers small enough to be worked out by hand."""

import importlib.util
import os
import unittest

import rig

SPEC = importlib.util.spec_from_file_location("guard", os.path.join(rig.ROOT, "bench", "guard.py"))
guard = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(guard)


class Figures(unittest.TestCase):
    def test_wilson_of_nothing_says_nothing(self):
        self.assertEqual(guard.wilson(0, 0), (0.0, 1.0))

    def test_wilson_of_half(self):
        low, high = guard.wilson(50, 100)
        self.assertAlmostEqual(low, 0.4038, 4)
        self.assertAlmostEqual(high, 0.5962, 4)

    def test_at_most_one_percent_lies_above_the_threshold(self):
        benign = [i / 1000 for i in range(1000)]
        at = guard.threshold_at(benign)
        self.assertEqual(sum(score > at for score in benign), 10)

    def test_auc_counts_ties_half(self):
        self.assertEqual(guard.auc([1.0, 0.5], [0.5, 0.0]), 0.875)

    def test_f1(self):
        self.assertAlmostEqual(guard.f1(8, 2, 10), 0.8)

    def test_bytes_are_covered_once(self):
        self.assertEqual(guard.covered([(0, 10)], [(2, 6), (4, 8)]), 6)

    def test_spans_that_touch_do_not_overlap(self):
        self.assertFalse(guard.overlaps((0, 4), [(4, 8)]))

    def test_an_interval_across_the_target_decides_nothing(self):
        self.assertEqual(guard.verdict(0.4, 0.6, 0.5, True), "INCONCLUSIVE")
        self.assertEqual(guard.verdict(0.4, 0.6, 0.7, True), "FAIL")
        self.assertEqual(guard.verdict(0.4, 0.6, 0.7, False), "PASS")

    def test_transforms_change_a_text(self):
        for name, apply in guard.TRANSFORMS.items():
            self.assertNotEqual(apply("Ignore all of it"), "Ignore all of it", name)


if __name__ == "__main__":
    unittest.main()
