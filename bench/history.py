# SPDX-License-Identifier: Apache-2.0
"""Judges runs from outside: what agents were told and what the provider and the tool saw.

It reads only their logs (bench/agent.py, bench/counted.py), never the journal, so that a fault of
the journal cannot hide itself. A step is (run, step); its acknowledgement is the first answer 200.
"""
import collections


class History:
    def __init__(self, answers, calls):
        self.answers = collections.defaultdict(list)  # by step, in order
        self.calls = collections.defaultdict(list)
        for answer in answers:
            self.answers[answer["run"], answer["step"]].append(answer)
        for call in calls:
            self.calls[call["run"], call["step"]].append(call)
        self.acknowledged = {}
        for step, told in self.answers.items():
            first = next((answer for answer in told if answer["status"] == 200), None)
            if first:
                self.acknowledged[step] = first

    def of(self, *kinds):
        return [step for step, calls in self.calls.items() if calls[0]["kind"] in kinds]

    def repeated(self):
        """Steps that were called more than once."""
        return [step for step, calls in self.calls.items() if len(calls) > 1]

    def repeated_after_answer(self):
        """Steps that were called again although they had been acknowledged."""
        return [step for step, first in self.acknowledged.items()
                if any(call["at"] > first["at"] for call in self.calls.get(step, ()))]

    def made_without_agent(self):
        """Steps whose agent was killed while they were made: its next try is the first to know."""
        return [step for step, first in self.acknowledged.items() if first["replayed"]]

    def asked_again(self):
        """Answers to acknowledged steps that later tries asked for."""
        return [answer for step, first in self.acknowledged.items()
                for answer in self.answers[step] if answer["try"] > first["try"]]

    def not_replayed(self):
        """Those of asked_again() that are no replay of what was acknowledged."""
        return [answer for answer in self.asked_again()
                if not answer["replayed"] or
                answer["sum"] != self.acknowledged[answer["run"], answer["step"]]["sum"]]

    def keyed_twice(self):
        """Keyed steps that came under none or several keys: their effects would be repeated."""
        return [step for step in self.of("keyed")
                if len({call["key"] for call in self.calls[step]}) != 1 or
                self.calls[step][0]["key"] is None]

    def unsafe_twice(self):
        return [step for step in self.of("unsafe") if len(self.calls[step]) > 1]

    def in_doubt(self):
        """Steps whose agent was told that nobody knows."""
        return [step for step, told in self.answers.items()
                if any(answer.get("error") == "step_in_doubt" for answer in told)]

    def unsafe_unsaid(self):
        """Unsafe steps that reached the tool, whose agent was told neither an answer nor doubt."""
        doubts = set(self.in_doubt())
        return [step for step in self.of("unsafe")
                if step not in self.acknowledged and step not in doubts]

    def ended(self, last_step):
        return {run for run, step in self.acknowledged if step == last_step}
