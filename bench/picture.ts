import { show } from './table.ts'

/** One bar; null: there is nothing to reach. */
export interface Bar {
  label: string
  value: number
  isMet: boolean | null
}

/** Bars on one scale, with the target as a line. */
export interface Panel {
  title: string
  target: number
  /** `most`: the target must not be passed; `least`: it must be reached. */
  kind: 'most' | 'least'
  bars: readonly Bar[]
}

const width = 860
const left = 330
const barHeight = 16
const gap = 6
const scaleWidth = width - left - 115

/** A bar chart, readable on light and on dark ground. */
export function drawPanels(title: string, panels: readonly Panel[]): string {
  let y = 34
  const drawn = panels
    .filter(({ bars }) => bars.length > 0)
    .map((panel) => {
      const from = y
      y += 44 + panel.bars.length * (barHeight + gap) + 14
      return drawPanel(panel, from)
    })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img" aria-label="${inMarkup(title)}">
<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 } .note { fill: #59636e }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  .met { fill: #1a7f5a } .missed { fill: #c4491d } .plain { fill: #8b949e }
  .target { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 4 3 } .axis { stroke: #8b949e }
  .ground { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 }
    .met { fill: #3fb68b } .missed { fill: #f0793f } .plain { fill: #6e7681 }
    .target { stroke: #e6edf3 } .ground { fill: #0d1117 } .value { stroke: #0d1117 }
  }
</style>
<rect class="ground" width="${width}" height="${y}"/>
<text class="note" x="12" y="22">${inMarkup(title)}</text>
${drawn.join('\n')}
</svg>
`
}

function drawPanel({ title, target, kind, bars }: Panel, y: number): string {
  // What goes far beyond the target is cut off, and its figure says how far.
  const most = Math.min(Math.max(...bars.map(({ value }) => value), target * 1.25), target * 4)
  const x = (value: number): number => left + (Math.min(value, most) / most) * scaleWidth
  const top = y + 36
  const bottom = top + bars.length * (barHeight + gap)
  const drawn = bars.map(({ label, value, isMet }, index) => {
    const at = top + index * (barHeight + gap)
    const look = isMet === null ? 'plain' : isMet ? 'met' : 'missed'
    const verdict = isMet === null ? '' : isMet ? ' met' : ' missed'
    return {
      bar: [
        `<text x="${left - 10}" y="${at + 13}" text-anchor="end">${inMarkup(label)}</text>`,
        `<rect class="${look}" x="${left}" y="${at}" width="${Math.max(1, x(value) - left).toFixed(1)}" height="${barHeight}" rx="2"/>`,
      ].join(''),
      value: `<text class="value" x="${(x(value) + 6).toFixed(1)}" y="${at + 13}">${value > most ? '→ ' : ''}${show(value)}${verdict}</text>`,
    }
  })
  const at = x(target).toFixed(1)
  return [
    `<text class="title" x="12" y="${y + 20}">${inMarkup(title)}</text>`,
    ...drawn.map(({ bar }) => bar),
    `<line class="axis" x1="${left}" x2="${left}" y1="${top - 4}" y2="${bottom}"/>`,
    `<line class="target" x1="${at}" x2="${at}" y1="${top - 6}" y2="${bottom}"/>`,
    // Over the line, with a rim.
    ...drawn.map(({ value }) => value),
    `<text class="note" x="${at}" y="${top - 10}" text-anchor="middle">${kind === 'least' ? '≥' : '≤'} ${target}</text>`,
  ].join('\n')
}

const inMarkup = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
