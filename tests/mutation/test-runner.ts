/** Runs the tests of the rules in the process itself, a mutant at a time: a process for each would take hours. */
import { INSTRUMENTER_CONSTANTS, type InstrumenterContext } from '@stryker-mutator/api/core'
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin'
import {
  type CompleteDryRunResult,
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  type TestRunnerCapabilities,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner'
import fc from 'fast-check'
import { collectTests } from './jest-globals.ts'
import { createLoader } from './load-anew.ts'
import { findSuites, isLeftOut, randomCases, seed, sortFor } from './suites.ts'

class InProcessTestRunner implements TestRunner {
  #suites: readonly string[] = []
  #load: ReturnType<typeof createLoader> = () => Promise.reject(new Error('the runner is not initialised'))
  #stryker: InstrumenterContext

  constructor() {
    const shared = globalThis as unknown as Record<string, InstrumenterContext | undefined>
    shared[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {}
    this.#stryker = shared[INSTRUMENTER_CONSTANTS.NAMESPACE] as InstrumenterContext
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: true }
  }

  async init(): Promise<void> {
    this.#suites = findSuites()
    process.env.RULES_RANDOM_CASES = String(randomCases)
    this.#load = createLoader(process.cwd())
  }

  async dryRun(): Promise<DryRunResult> {
    const result = await this.#run(this.#suites, false)
    return { ...result, mutantCoverage: this.#stryker.mutantCoverage }
  }

  async mutantRun({ activeMutant, hitLimit, testFilter, disableBail }: MutantRunOptions): Promise<MutantRunResult> {
    this.#stryker.hitLimit = hitLimit
    this.#stryker.hitCount = hitLimit === undefined ? undefined : 0
    this.#stryker.activeMutant = activeMutant.id
    const files = this.#suites.filter((file) => testFilter?.includes(file) ?? true)
    const result = await this.#run(sortFor(activeMutant.fileName, files), !disableBail)
    return toMutantRunResult(determineHitLimitReached(this.#stryker.hitCount, hitLimit) ?? result)
  }

  /**
   * To Stryker a file is one test. What the rules keep of a document serves the tests that follow, so that a test alone
   * does not show what it rests on; the files share nothing.
   */
  async #run(files: readonly string[], stopAtFailure: boolean): Promise<CompleteDryRunResult> {
    const tests: TestResult[] = []
    for (const file of files) {
      this.#stryker.currentTestId = file
      const started = performance.now()
      const failures = await this.#runFile(file, stopAtFailure)
      const about = { id: file, name: file, fileName: file, timeSpentMs: performance.now() - started }
      if (failures.length === 0) tests.push({ ...about, status: TestStatus.Success })
      else tests.push({ ...about, status: TestStatus.Failed, failureMessage: failures.join('\n\n') })
      if (stopAtFailure && failures.length > 0) break
    }
    return { status: DryRunStatus.Complete, tests }
  }

  /** Loads the file and all that it imports anew, runs its tests, and returns what failed. */
  async #runFile(file: string, stopAtFailure: boolean): Promise<string[]> {
    const failures: string[] = []
    const attempt = async (what: string, action: () => unknown): Promise<void> => {
      try {
        await action()
      } catch (error) {
        failures.push(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      }
    }
    await attempt('loading', async () => {
      const tests = await collectTests(() => this.#load(file, this.#stryker.activeMutant ?? null))
      // The file's own settings are in force by now.
      fc.configureGlobal({ ...fc.readConfigureGlobal(), seed, endOnFailure: true })
      for (const { title, run } of tests) {
        if (!isLeftOut(file, title)) await attempt(title, run)
        if (stopAtFailure && failures.length > 0) break
      }
    })
    return failures
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'in-process', InProcessTestRunner)]
