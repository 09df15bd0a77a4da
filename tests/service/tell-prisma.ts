import { registerHooks } from 'node:module'

/** Imported before a program: tells on standard error when Prisma's query compiler is loaded. */
registerHooks({
  load(url, context, next) {
    if (url.includes('/query_compiler_')) process.stderr.write('Prisma’s query compiler is loaded\n')
    return next(url, context)
  },
})
