// What a page needs for the live stream: an EventSource and nothing around it. The browser reconnects by itself; `seen`
// only takes notes.
window.follow = (url) => {
  const seen = { opens: 0, errors: 0, held: null, events: [], controls: [] };
  const source = new EventSource(url);
  source.onopen = () => seen.opens++;
  source.onerror = () => seen.errors++;
  source.onmessage = (message) => {
    seen.events.push({ held: seen.held, id: message.lastEventId, event: JSON.parse(message.data) });
    seen.held = message.lastEventId;
  };
  for (const name of ['hello', 'caught_up', 'checkpoint', 'resync', 'bye']) {
    source.addEventListener(name, (message) => {
      const data = JSON.parse(message.data);
      seen.controls.push({ name, data });
      if (name === 'hello') seen.held ??= data.cursor;
      else if (message.lastEventId) seen.held = message.lastEventId;
    });
  }
  seen.state = () => ['connecting', 'open', 'closed'][source.readyState];
  window.seen = seen;
};
