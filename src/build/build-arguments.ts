/** Build arguments: what the builder was given, what the Dockerfile declares, and where each is seen. */
const predefined: ReadonlySet<string> = new Set(['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]));

/** Given values by name; null: named without a value. */
export type GivenArguments = ReadonlyMap<string, string | null>;

export class BuildArguments {
  readonly #given: GivenArguments;
  /** ARGs before the first stage. */
  readonly #meta: Map<string, string | undefined>;
  /** ARGs of the stage. */
  readonly #declared = new Map<string, string | undefined>();
  readonly #used: Set<string>;

  private constructor(given: GivenArguments, meta: Map<string, string | undefined>, used: Set<string>) {
    this.#given = given;
    this.#meta = meta;
    this.#used = used;
  }

  static of(given: GivenArguments): BuildArguments {
    return new BuildArguments(given, new Map(), new Set());
  }

  /** Those of a new stage, which has no ARGs yet. */
  stage(): BuildArguments {
    return new BuildArguments(this.#given, this.#meta, this.#used);
  }

  declareMeta(name: string, fallback: string | undefined): void {
    this.#meta.set(name, fallback);
    this.#used.add(name);
  }

  declare(name: string, fallback: string | undefined): void {
    this.#declared.set(name, fallback ?? this.#valueOf(name, this.#meta));
    this.#used.add(name);
  }

  /** What FROM sees. */
  meta(): Map<string, string> {
    return this.#values(this.#meta);
  }

  /** What the instructions of the stage see. */
  visible(): Map<string, string> {
    return this.#values(this.#declared);
  }

  /** What RUN gets in its environment beside `environment`, sorted; of those `counted` decide whether a step is one done before. */
  forCommand(environment: ReadonlyMap<string, string>): { all: string[]; counted: string[] } {
    const values = this.visible();
    for (const name of predefined) {
      const value = this.#given.get(name);
      if (typeof value === 'string') values.set(name, value);
    }
    const names = [...values.keys()].filter((name) => !environment.has(name)).sort();
    const text = (name: string): string => `${name}=${values.get(name) ?? ''}`;
    return { all: names.map(text), counted: names.filter((name) => this.#declared.has(name) || !predefined.has(name)).map(text) };
  }

  /** Names that were given and that nothing declared. */
  unused(): string[] {
    return [...this.#given.keys()].filter((name) => !this.#used.has(name) && !predefined.has(name)).sort();
  }

  #values(declared: ReadonlyMap<string, string | undefined>): Map<string, string> {
    const values = new Map<string, string>();
    for (const name of declared.keys()) {
      const value = this.#valueOf(name, declared);
      if (value !== undefined) values.set(name, value);
    }
    return values;
  }

  #valueOf(name: string, declared: ReadonlyMap<string, string | undefined>): string | undefined {
    return this.#given.get(name) ?? declared.get(name);
  }
}
