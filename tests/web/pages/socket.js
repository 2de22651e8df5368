// The live socket as existing pages use it: connect, subscribe, take what comes. `follow` is what a page adds to lose
// nothing: it comes back by itself and asks for what was missed.
window.connect = (url, subscription) => {
  const seen = { opens: 0, frames: [], closes: [], held: null, events: [] };
  const channels = subscription.channels;
  let socket;

  const take = (frame) => {
    seen.frames.push(frame);
    if (frame.type === 'event') seen.events.push({ held: seen.held, event: frame });
    if (['event', 'caught_up', 'checkpoint', 'resync'].includes(frame.type)) seen.held = frame.cursor;
    if (frame.type === 'subscribed') seen.held ??= frame.cursor;
  };
  const open = () => {
    socket = new WebSocket(url);
    socket.onopen = () => {
      seen.opens++;
      const after = seen.held ?? subscription.after;
      socket.send(JSON.stringify({ type: 'subscribe', channels, ...(after === undefined ? {} : { after }) }));
    };
    socket.onmessage = (message) => take(JSON.parse(message.data));
    socket.onclose = ({ code, wasClean }) => {
      seen.closes.push({ code, wasClean });
      if (subscription.follow) setTimeout(open, 200);
    };
  };
  seen.send = (frame) => socket.send(JSON.stringify(frame));
  window.seen = seen;
  open();
};
