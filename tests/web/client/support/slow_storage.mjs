// A tab whose writes of records take their time: from hold() on none of them ends, until release().
export function slowStorage(tab) {
  const { cache } = tab.core;
  const store = cache.store.bind(cache);
  let release = () => {};
  let held = Promise.resolve();
  cache.store = async (...given) => {
    await store(...given);
    await held;
  };
  const close = tab.close.bind(tab);
  tab.close = () => {
    release();
    return close();
  };
  return {
    hold: () => void (held = new Promise((resolve) => (release = resolve))),
    release: () => release(),
  };
}
