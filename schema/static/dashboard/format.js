// Numbers as people read them.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const month = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const count = (number) => whole.format(number);
export const decimal = (number) => tenths.format(number);
export const percent = (share) => `${Math.round(share * 100)} %`;
export const dayOf = (date) => day.format(date);
export const hourOf = (date) => hour.format(date);
export const monthOf = (date) => month.format(date);
export const timeOf = (text) => moment.format(new Date(text));

/** Return seconds as the two largest units: "2 h 05 min", "3 min 20 s", "12 s". */
export function duration(seconds) {
  const rounded = Math.round(seconds);
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor((rounded % 3600) / 60);
  if (hours >= 100) return `${whole.format(rounded / 3600)} h`;
  if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  if (minutes) return `${minutes} min ${String(rounded % 60).padStart(2, "0")} s`;
  return `${rounded} s`;
}

/** Return seconds as the axis of a chart has them: in one unit. */
export function shortDuration(seconds) {
  if (seconds >= 3600) return `${tenths.format(seconds / 3600)} h`;
  return seconds >= 60 ? `${tenths.format(seconds / 60)} min` : `${seconds} s`;
}

/** Return a moment of a movie as players show it: "1:02:03", "2:03". */
export function position(seconds) {
  const rounded = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(rounded / 3600), Math.floor((rounded % 3600) / 60), rounded % 60];
  const tail = `${String(minutes).padStart(hours ? 2 : 1, "0")}:${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${tail}` : tail;
}
