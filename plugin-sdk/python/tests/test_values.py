"""Exact numbers and dates: the same rows as the tests of the JavaScript SDK."""

import unittest

from guanjia_plugin_sdk import Decimal, Exact, OutOfRange, Rounding, add_months, date_of, day_of

CENTS = [
    # value of 1/1000 yuan: half-up, half-even, down, up, in fen
    (1005, 101, 100, 100, 101),
    (1015, 102, 102, 101, 102),
    (1014, 101, 101, 101, 102),
    (1010, 101, 101, 101, 101),
    (-1005, -101, -100, -100, -101),
    (-1, 0, 0, 0, -1),
]


class Decimals(unittest.TestCase):
    def test_they_are_written_as_they_are_read(self):
        for text in ["0", "2.80", "-0.05", "9007199254740993", "-9223372036854775808", "0.000000001"]:
            self.assertEqual(str(Decimal.parse(text)), text)

    def test_other_texts_are_refused(self):
        for text in ["", "+1", "1.", ".5", "1e3", "1,000", " 1", "1.0000000001", "NaN", "１"]:
            with self.assertRaises(ValueError, msg=text):
                Decimal.parse(text)
        with self.assertRaises(OutOfRange):
            Decimal.parse("9223372036854775808")

    def test_rounding(self):
        for thousandths, *expected in CENTS:
            found = [Exact(thousandths, 1000).round_to(2, rounding) for rounding in Rounding]
            self.assertEqual(found, expected, thousandths)

    def test_shown_values_have_the_places_they_need(self):
        for num, den, shown in [(1, 3, "0.333333"), (5, 2, "2.50"), (0, 1, "0.00"), (12345, 10000, "1.2345")]:
            self.assertEqual(str(Exact(num, den).to_decimal(2, 6)), shown)

    def test_computing_loses_nothing(self):
        third = Exact(10) / Exact(3)
        self.assertEqual(third + third + third, Exact(10))
        self.assertEqual(Decimal.parse("0.1").exact() + Decimal.parse("0.2").exact(), Decimal.parse("0.3").exact())
        with self.assertRaises(OutOfRange):
            Exact(1) / Exact(0)
        with self.assertRaises(OutOfRange):
            Exact(2**63).round_to(0, Rounding.DOWN)


class Dates(unittest.TestCase):
    def test_day_numbers(self):
        for days, year, month, day in [(0, 1970, 1, 1), (20148, 2025, 3, 1), (11016, 2000, 2, 29), (-1, 1969, 12, 31)]:
            self.assertEqual(day_of(year, month, day), days)
            self.assertEqual((date_of(days).year, date_of(days).month, date_of(days).day), (year, month, day))

    def test_months_end_where_they_are_shorter(self):
        self.assertEqual(add_months(day_of(2025, 1, 31), 1), day_of(2025, 2, 28))
        self.assertEqual(add_months(day_of(2024, 11, 30), 3), day_of(2025, 2, 28))
        self.assertEqual(add_months(day_of(2025, 3, 15), 0), day_of(2025, 3, 15))


if __name__ == "__main__":
    unittest.main()
