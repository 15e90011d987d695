# SPDX-License-Identifier: Apache-2.0
"""The checker finds what the tests here are meant to find."""

import unittest

from content import CHUNK, Checker, Content, Mismatch

KIB = 1024


class TheChecker(unittest.TestCase):
    def setUp(self):
        self.content = Content(7)
        self.data = self.content.at(0, 4 * CHUNK)

    def feed(self, checker, data, piece=3001):
        for start in range(0, len(data), piece):
            checker.take(data[start:start + piece])
        return checker

    def says(self, text, data):
        with self.assertRaises(Mismatch) as caught:
            self.feed(Checker(self.content), data)
        self.assertIn(text, str(caught.exception))

    def test_stream_is_the_same_from_any_position_and_another_for_another_seed(self):
        self.assertEqual(self.content.at(CHUNK - 5, 10), self.data[CHUNK - 5:CHUNK + 5])
        self.assertNotEqual(Content(8).at(0, KIB), self.content.at(0, KIB))
        self.assertEqual(self.feed(Checker(self.content), self.data).position, len(self.data))

    def test_lost_repeated_and_changed_bytes_are_told_apart_and_located(self):
        data = self.data
        self.says("1 bytes lost at 70001", data[:70001] + data[70002:])
        self.says("4096 bytes lost at 65536", data[:65536] + data[69632:])
        self.says("100 bytes repeated at 70000", data[:70000] + data[69900:])
        self.says("changed bytes at 500", data[:500] + bytes([data[500] ^ 1]) + data[501:])
        self.says("changed bytes at 500", data[:500] + data[501:502] + data[500:501] + data[502:])

    def test_an_announced_gap_is_measured_and_one_beyond_its_bounds_is_not_accepted(self):
        data = self.data
        checker = Checker(self.content, lost=5000, repeated=300)
        self.feed(checker, data[:90000])
        checker.expect_gap()
        self.feed(checker, data[93000:150000], piece=7)
        checker.expect_gap()
        self.feed(checker, data[149900:])
        self.assertEqual(checker.position, len(data))
        self.assertEqual([size for _, size in checker.gaps], [3000, -100])
        for start in (95001, 89600):
            checker = Checker(self.content, lost=5000, repeated=300)
            self.feed(checker, data[:90000])
            checker.expect_gap()
            with self.assertRaises(Mismatch):
                self.feed(checker, data[start:])

    def test_without_announcement_no_gap_is_accepted(self):
        checker = Checker(self.content, lost=5000)
        with self.assertRaises(Mismatch):
            self.feed(checker, self.data[:90000] + self.data[90010:])


if __name__ == "__main__":
    unittest.main(verbosity=2)
