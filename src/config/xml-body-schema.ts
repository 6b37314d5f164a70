/** Bodies of XML: compared, judged by a schema, or looked into. */
import { z } from 'zod'
import { compileXml } from '../content/xml.ts'
import { compileXmlSchema } from '../content/xml-schema.ts'
import { compileXpath } from '../content/xpath.ts'
import type { BodyMatcher } from '../decide/matching/body.ts'
import { common, compiling, tested } from './body-matcher-schema.ts'

export const XmlMatcher = z
  .strictObject({ ...common, xml: z.string().transform(compiling(compileXml)) })
  .transform((body) => tested(body.xml, body))

export const XmlSchemaMatcher = z
  .strictObject({ ...common, xmlSchema: z.string().transform(compiling(compileXmlSchema)) })
  .transform((body) => tested(body.xmlSchema, body))

export const XpathMatcher = z
  .strictObject({ ...common, xpath: z.string(), namespacePrefixes: z.record(z.string(), z.string()).optional() })
  .transform((body, context): BodyMatcher => {
    const compiled = compileXpath(body.xpath, body.namespacePrefixes)
    if ('test' in compiled) return tested(compiled.test, body)
    context.addIssue({ code: 'custom', message: compiled.problem, path: ['xpath'] })
    return z.NEVER
  })
