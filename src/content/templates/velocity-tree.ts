/** Velocity templates as trees. */

export type Block = readonly Part[]

export type Part =
  | string
  | { readonly kind: 'reference'; readonly reference: Reference }
  | { readonly kind: 'set'; readonly target: Reference; readonly value: Expression }
  /** The branch of which the condition is true; one without a condition is the last. */
  | { readonly kind: 'if'; readonly branches: readonly Branch[] }
  | {
      readonly kind: 'foreach'
      readonly name: string
      readonly items: Expression
      readonly body: Block
      /** In place of the body where there is no item. */
      readonly otherwise: Block
    }
  | { readonly kind: 'macro'; readonly name: string; readonly parameters: readonly string[]; readonly body: Block }
  /** `source` is printed where there is no such macro. */
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly source: string }
  | { readonly kind: 'define'; readonly name: string; readonly body: Block }
  | { readonly kind: 'break' }
  | { readonly kind: 'stop' }

export interface Branch {
  readonly condition: Expression | undefined
  readonly body: Block
}

export interface Reference {
  readonly name: string
  readonly path: readonly Access[]
  /** `$!name`: nothing is printed where there is no value. */
  readonly isQuiet: boolean
  /** As it was written: what is printed where there is no value. */
  readonly source: string
  /** `${name|'other'}` */
  readonly fallback?: Expression
}

export type Access =
  | { readonly kind: 'property'; readonly name: string }
  | { readonly kind: 'method'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'index'; readonly at: Expression }

export type Expression =
  | { readonly kind: 'constant'; readonly value: null | boolean | number | string | { readonly decimal: number } }
  /** Text in double quotes. */
  | { readonly kind: 'text'; readonly body: Block }
  | { readonly kind: 'reference'; readonly reference: Reference }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'range'; readonly from: Expression; readonly to: Expression }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'not' | 'minus'; readonly of: Expression }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Expression; readonly right: Expression }

export type Operator = '||' | '&&' | '==' | '!=' | '<' | '>' | '<=' | '>=' | '+' | '-' | '*' | '/' | '%'
