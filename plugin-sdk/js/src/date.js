// Civil dates as the contract has them: whole days since 1970-01-01. No clock, no time zone, and so not `Date`.

/** Day number of a date of the Gregorian calendar. */
export function dayOf(year, month, day) {
  // Years start in March here, so that the leap day is the last day of a year.
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}

/** Year, month (1 to 12) and day of the month of a day number. */
export function dateOf(days) {
  const shifted = days + 719468;
  const era = Math.floor(shifted / 146097);
  const dayOfEra = shifted - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day };
}

/** The same day of the month so many months later, or the last day of that month where it is shorter. */
export function addMonths(days, months) {
  const { year, month, day } = dateOf(days);
  const number = year * 12 + month - 1 + months;
  const first = dayOf(Math.floor(number / 12), (number % 12) + 1, 1);
  const length = dayOf(Math.floor((number + 1) / 12), ((number + 1) % 12) + 1, 1) - first;
  return first + Math.min(day, length) - 1;
}
