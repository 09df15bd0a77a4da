const permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]

/**
 * Whether the last digit is the Verhoeff check digit of those before it, as in every SNOMED CT identifier (SNOMED CT
 * Release File Specification, "Check-digit"). It finds every mistyped digit and every pair that changed places.
 */
export function hasVerhoeffDigit(digits: string): boolean {
  let check = 0
  for (const [position, digit] of [...digits].reverse().entries()) {
    let permuted = Number(digit)
    for (let times = position % 8; times > 0; times -= 1) permuted = permutation[permuted] ?? Number.NaN
    check = multiply(check, permuted)
  }
  return check === 0
}

/** In the symmetry group of the pentagon: 0 to 4 are its rotations, 5 to 9 its reflections. */
function multiply(a: number, b: number): number {
  const turned = a < 5 ? a + (b % 5) : a + 5 - (b % 5)
  return (turned % 5) + (a < 5 === b < 5 ? 0 : 5)
}
