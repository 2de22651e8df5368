// A page as branches have them: a live table, and what tests call from outside.
import { adapters, connect } from './client.js';

const url = new URLSearchParams(location.search).get('server');
const sync = await connect({ url });
const clients = sync.collection('clients');
window.page = { sync, clients, adapters: adapters(sync), rows: [], calls: 0 };
clients.live({}, (rows) => {
  window.page.rows = rows;
  ++window.page.calls;
});
