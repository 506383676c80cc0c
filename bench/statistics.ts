/** What several rounds say about one number. */
export interface Spread {
  readonly median: number;
  /** The 10th and the 90th percentile of the rounds. */
  readonly low: number;
  readonly high: number;
}

/** The quantile of sorted numbers, between neighbours by proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(numbers: readonly number[]): number {
  return quantile(ascending(numbers), 0.5);
}

export function lowerQuartile(numbers: readonly number[]): number {
  return quantile(ascending(numbers), 0.25);
}

export function spread(numbers: readonly number[]): Spread {
  const sorted = ascending(numbers);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.1), high: quantile(sorted, 0.9) };
}

function ascending(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

export function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const pick = Math.floor(Math.random() * (last + 1));
    [order[last], order[pick]] = [order[pick] as T, order[last] as T];
  }
  return order;
}
