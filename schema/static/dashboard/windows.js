// The windows of time that series are shown for, in the time zone of the browser.

import { dayOf, hourOf, monthOf } from "./format.js";

export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const startOfDay = (now, days) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
const startOfHour = (now, hours) =>
  new Date(new Date(now).setMinutes(0, 0, 0) + hours * 3600 * 1000);
const startOfMonth = (now, months) => new Date(now.getFullYear(), now.getMonth() + months, 1);

export const WINDOWS = {
  day: { title: "Day", words: "the last 24 hours", interval: "HOUR", label: hourOf, from: (now) => startOfHour(now, -23), to: (now) => startOfHour(now, 1) },
  week: { title: "Week", words: "the last 7 days", interval: "DAY", label: dayOf, from: (now) => startOfDay(now, -6), to: (now) => startOfDay(now, 1) },
  month: { title: "Month", words: "the last 30 days", interval: "DAY", label: dayOf, from: (now) => startOfDay(now, -29), to: (now) => startOfDay(now, 1) },
  year: { title: "Year", words: "the last 12 months", interval: "MONTH", label: monthOf, from: (now) => startOfMonth(now, -11), to: (now) => startOfMonth(now, 1) },
};

/** Return the variables of a query about a window that ends now. */
export function variablesOf(name, now = new Date()) {
  const chosen = WINDOWS[name];
  return { from: chosen.from(now).toISOString(), to: chosen.to(now).toISOString(), interval: chosen.interval, timeZone };
}
