// Web Locks for tabs that live in one process: in line, given up by a signal, stolen.
export class FakeLocks {
  #held = new Map(); // name → { steal }
  #lines = new Map();

  request(name, options, callback) {
    const { signal, steal } = options;
    return new Promise((resolve, reject) => {
      const grant = async () => {
        let lost;
        const stolen = new Promise((_, refuse) => (lost = () => refuse(new DOMException('stolen', 'AbortError'))));
        const hold = { lost };
        this.#held.set(name, hold);
        try {
          resolve(await Promise.race([Promise.resolve(callback({ name })), stolen]));
        } catch (error) {
          reject(error);
        }
        if (this.#held.get(name) !== hold) return;
        this.#held.delete(name);
        this.#lines.get(name)?.shift()?.();
      };
      if (steal) {
        this.#held.get(name)?.lost();
        return void grant();
      }
      if (!this.#held.has(name)) return void grant();
      const line = this.#lines.get(name) ?? [];
      this.#lines.set(name, line);
      line.push(grant);
      signal?.addEventListener('abort', () => {
        const place = line.indexOf(grant);
        if (place < 0) return;
        line.splice(place, 1);
        reject(signal.reason);
      });
    });
  }
}
