import type { PrescribedSide, Side } from './types.ts'

const bothSides = ['left', 'right'] as const
type OneSide = (typeof bothSides)[number]

/** The sides that are meant where `operated` is what was operated on; none: the other side of a bilateral operation. */
function sidesMeant(side: PrescribedSide, operated: Side): OneSide[] {
  return bothSides.filter((one) => {
    if (side === 'both' || side === one) return true
    const isOperated = operated === 'bilateral' || operated === one
    return (side === 'operative' && isOperated) || (side === 'non-operative' && !isOperated)
  })
}

function nameSides(sides: readonly OneSide[]): PrescribedSide | null {
  return sides.length === 2 ? 'both' : (sides[0] ?? null)
}

/** `operative` and `non-operative` as the side they mean here; as they are where that is not known or there is none. */
export function resolveSide(side: PrescribedSide, operated: Side | null): PrescribedSide {
  return operated === null ? side : (nameSides(sidesMeant(side, operated)) ?? side)
}

/**
 * The side on which every protocol grants it: within one protocol sides add up, between protocols the narrower wins.
 * Where the operated side is not known, only what is granted whichever it is. Null: no side is left.
 */
export function commonSide(
  grants: readonly { protocol: string; version: number | null; side: PrescribedSide }[],
  operated: Side | null,
): PrescribedSide | null {
  const perProtocol = [...Map.groupBy(grants, (grant) => `${grant.protocol} ${grant.version}`).values()]
  const grantedIf = (possible: Side): OneSide[] =>
    bothSides.filter((one) =>
      perProtocol.every((own) => own.some((grant) => sidesMeant(grant.side, possible).includes(one))),
    )
  if (operated !== null) return nameSides(grantedIf(operated))
  const possibilities = ['left', 'right', 'bilateral'] as const
  const relative = (['operative', 'non-operative'] as const).find((side) =>
    possibilities.every((possible) => grantedIf(possible).join() === sidesMeant(side, possible).join()),
  )
  return (
    relative ??
    nameSides(bothSides.filter((one) => possibilities.every((possible) => grantedIf(possible).includes(one))))
  )
}
