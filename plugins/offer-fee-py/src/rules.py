"""Area × price, with an offer of free months; see `README.md` for worked numbers."""

from guanjia_plugin_sdk import Decimal, Exact, FeePolicy, Rounding, add_months, day_of


class OfferFee(FeePolicy):
    FACTS = ["unit.area", "unit.occupancy"]
    STEPS = ["area-price", "free", "proration", "rounded"]
    MEASURES = ["m2"]

    def settings(self, json):
        """`settings.schema.json` says what they mean."""
        free = json.get("free")
        return Decimal.parse(json["price"]), Offer(free) if free else None

    def check(self, settings):
        _, free = settings
        return [("no-such-day", "/free/from", [])] if free and free.start is None else []

    def charge(self, settings, subject, lines):
        """Per stretch: area × price, by the days of it that are not free. Rounded once, half up, at the line."""
        price, free = settings
        of_days = subject.period[1] - subject.period[0]
        for segment in subject.segments:
            area = segment.number("unit.area")
            amount = area.exact() * price.exact()
            lines.step("area-price", amount, [area, price])
            free_days = free.days_in(segment) if free else 0
            if free_days or segment.days != of_days:
                before = lines.shown(amount)
                amount *= Exact(segment.days - free_days, of_days)
                if free_days:
                    lines.step("free", amount, [before, segment.days, free_days, of_days])
                else:
                    lines.step("proration", amount, [before, segment.days, of_days])
            lines.step_rounding("rounded", amount, Rounding.HALF_UP)
            lines.charge(segment, "m2", area, price, amount, Rounding.HALF_UP)


class Offer:
    """Months that are free from a day on."""

    def __init__(self, json):
        try:
            self.start = day_of(*map(int, json["from"].split("-")))
        except ValueError:
            self.start = None
            return
        self.end = add_months(self.start, json["months"])
        self.occupancies = json.get("occupancies")

    def days_in(self, segment):
        """Days of the stretch that the offer covers."""
        if self.occupancies is not None and segment.code("unit.occupancy") not in self.occupancies:
            return 0
        return max(0, min(self.end, segment.end) - max(self.start, segment.start))
