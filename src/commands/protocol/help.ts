interface CommandHelp {
  usage: string
  summary: string
  text: string
}

const files = 'FILE is a protocol as YAML or JSON; `-` reads the standard input.'

const catalogue = `Names are looked up in the document and in the built-in library (its attributes, exercises and groups). What else the
clinic has is in the file of --catalogue: \`{ procedures: [code], attributes: [code], exercises: [entries as in a document] }\`.`

const patient = `The record is a list, or \`{ procedures, levels, side, record }\`, as a test case of a document writes it:

  - { milestone: hospital-discharge, on: 2 }           # or on: 2026-10-03; by: surgeon, revoked: 50
  - { fact: pain, is: 3, on: 40 }
  - { symptom: fever, on: 10, resolved: 12 }
  - { permit: yoga, from: 50, until: 60, lifts: [no-rotation] }
  - { withhold: yoga, from: 20 }
  - { hold: A cold, from: 30, until: 35 }

Days are counted from the surgery, which is day 0. --on takes a date, or a day. Several FILEs are several protocols of one
patient: the stricter rule wins.`

export const commands = {
  check: {
    usage: 'check FILE… [--strict] [--catalogue FILE] [--json]',
    summary: 'what is wrong or doubtful about protocols, test cases included',
    text: `Tries every case that a protocol can tell apart, and runs its test cases. Each finding has its line and column, a name, and
a sentence that says what to do. Errors keep it from being published. A warning is corrected, or accepted in the document:

  accepted:
    - { finding: "no-source:limits/lifting", reason: The clinic's own experience }

Ends with 1 if there is an error, with --strict also if there is a warning that nobody has accepted.`,
  },
  test: {
    usage: 'test FILE… [--catalogue FILE] [--json]',
    summary: 'run the test cases that protocols keep',
    text: `A test case is a record, a day, and what the answer must be. Only what is named is compared:

  cases:
    - code: day-before-the-visit
      record: [{ milestone: hospital-discharge, on: 2 }]
      on: 41
      expect: { phase: early, permitted: [walking], withheld: [yoga] }

Ends with 1 if one fails, and says what the answer is instead, and why.`,
  },
  derive: {
    usage: 'derive FILE… --surgery DATE --on DATE [--record FILE] [--catalogue FILE] [--json]',
    summary: 'what a patient may do on a day, and why not the rest',
    text: patient,
  },
  timeline: {
    usage: 'timeline FILE… --surgery DATE --on DATE [--record FILE] [--catalogue FILE] [--json]',
    summary: 'every change from the surgery onwards, and what the rest waits for',
    text: patient,
  },
  table: {
    usage: 'table FILE [--exercise CODE]… [--catalogue FILE] [--json]',
    summary: 'when is each exercise permitted, and what that takes',
    text: 'For each exercise that the protocol is about: the days on which it can be permitted, and the least that it takes.',
  },
  diff: {
    usage: 'diff OLD NEW [--markdown] [--catalogue FILE] [--json]',
    summary: 'what a patient would be told otherwise, in every case',
    text: `Not lines but meaning, decided over every case that either protocol can tell apart: which exercises are permitted earlier,
later, newly or no longer, which limits tighten or relax, and so on, each with its days and what it takes. What is only
written otherwise is listed last, with its line and column: of NEW, or of OLD for what was removed. --markdown prints the page
that a reviewer of the service reads. What is on your disk against what git has:

  git show HEAD:acdf.yaml | rehab-protocol diff - acdf.yaml

Ends with 0 if every patient is told the same (text may differ), with 1 if something differs or could not be decided, and
with 2 if a file cannot be used: as \`diff\` does.`,
  },
  hash: {
    usage: 'hash FILE… [--catalogue FILE] [--json]',
    summary: 'the hash that a version has once it is published',
    text: `The SHA-256 of the canonical form: the \`contentHash\` of the version that a clinic publishes from this document, if its
catalogue has no more exercises in the groups that the document names. It does not depend on the order of members, on
comments, or on exercises that the document brings along and does not name.`,
  },
  format: {
    usage: 'format FILE… [--write | --check] [--json]',
    summary: 'the document as the service exports it',
    text: `Prints the canonical YAML: members in one order, every prescription named, what says nothing left out. --write writes it
into the file (one with comments is left as it is: it would lose them). --check only says which files are not formatted, and
ends with 1 if one is not. --json prints JSON.`,
  },
  merge: {
    usage: 'merge BASE OURS THEIRS [--write] [--json]',
    summary: 'what two have made of one document, in one',
    text: `Takes what only one of OURS and THEIRS has changed since BASE, by the codes of parts and by their members, and prints the
merged YAML. What both have changed, each in its own way, is a conflict: then all of them are told, nothing is merged, and it
ends with 1. Files in which two parts have one code, or two prescriptions of one exercise have none, are refused, and so is a
merged document that is not sound. --write writes the merged document into OURS (one with comments is left as it is: it would
lose them), so that git can merge protocols in YAML with it: \`driver = rehab-protocol merge %O %A %B --write\`.`,
  },
  caseload: {
    usage:
      'caseload --server URL [--protocol CODE [--phase CODE]] [--status STATUS] [--changed-since MOMENT] [--on DATE] [--output FILE]',
    summary: 'what every patient of a clinic may do, from its service, as lines',
    text: `Asks the service for \`GET /v1/permitted-exercises\` with the key in the environment, REHAB_API_KEY, and writes a line of JSON for
each open episode, then the summary. Counts on the standard error meanwhile. Where the connection breaks it goes on behind what
it has, as of the same moment. With --output the lines are in a file of their own beside FILE, FILE.<random>.part, until they
are complete, and only you may read them. A run that fails or is interrupted removes it, as no other can go on with it; what
one that was killed has left of it is removed by the next that succeeds, once nothing has written to it for six hours.

  rehab-protocol caseload --server https://rehab.example --output caseload.ndjson
  rehab-protocol caseload --server https://rehab.example --changed-since 2026-11-20T08:00:00Z

What to ask with next time is said at the end. Without --changed-since once a day, as answers change with the date by
themselves. Ends with 1 if the summary has not come: then the lines are not complete.`,
  },
} as const satisfies Record<string, CommandHelp>

export type CommandName = keyof typeof commands

export const overview = `usage: rehab-protocol COMMAND FILE… [options]

Protocols as code: checks protocol documents and derives from them, on files, without a server or a database; and
\`caseload\`, which asks a service.

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

\`rehab-protocol COMMAND --help\` says more. --json prints the answer for software, as the service gives it.
It ends with 0 if all is well, 1 if something was found or failed, 2 if it was used wrongly or a file cannot be read.
`

export function helpOf(name: CommandName): string {
  const { usage, summary, text } = commands[name]
  const isBare = name === 'format' || name === 'merge' || name === 'caseload'
  return [
    `usage: rehab-protocol ${usage}`,
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    text,
    ...(name === 'caseload' ? [] : [files]),
    ...(isBare ? [] : [catalogue]),
  ].join('\n\n')
}
