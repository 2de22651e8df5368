// Line icons, drawn here so that nothing is fetched. Decoration: the words beside them say what they mean.
const paths = {
  brand: 'M4 6h16M4 12h11M4 18h6',
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  table: 'M4 5h16v14H4zM4 10h16M10 10v9',
  import: 'M12 4v11m0 0 4-4m-4 4-4-4M5 20h14',
  export: 'M12 15V4m0 0 4 4m-4-4L8 8M5 20h14',
  stream: 'M3 12h4l3-7 4 14 3-7h4',
  audit: 'M12 3l7 3v6c0 4.5-3 7.500-7 9-4-1.500-7-4.500-7-9V6zM9 12l2.200 2.200L15.500 10',
  outbox: 'M4 13v6h16v-6M4 13l3-8h10l3 8M4 13h5l1 2h4l1-2h5',
  settings: 'M5 7h9m4 0h1M5 17h1m4 0h9M16 5v4M8 15v4',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6L6 18',
  search: 'M11 5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM16 16l4 4',
  filter: 'M4 6h16M7 12h10M10 18h4',
  columns: 'M4 5h16v14H4zM10 5v14M15 5v14',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  add: 'M12 5v14M5 12h14',
  edit: 'M5 19l1-4L16 5l3 3L9 18zM14 7l3 3',
  remove: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  restore: 'M4 5v5h5M4.500 10A8 8 0 1 1 5 15',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  up: 'M12 19V6m0 0-5 5m5-5 5 5',
  down: 'M12 5v13m0 0 5-5m-5 5-5-5',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5l12 7-12 7z',
  online: 'M5 12.500l4.500 4.500L19 7.500',
  offline: 'M4 4l16 16M8.500 8.600A7 7 0 0 0 5 12M12 6c2.700 0 5.200 1.200 7 3.200M12 18h.01M9 14.500a4 4 0 0 1 4-1.300',
  busy: 'M12 4a8 8 0 1 1-7.400 5',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  info: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 11v5M12 8h.01',
  help: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM9.800 9.800a2.300 2.300 0 1 1 3 2.200c-.600.200-.800.600-.800 1.400M12 16.500h.01',
  light: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600 7 7M17 17l1.400 1.400M5.600 18.400 7 17M17 7l1.400-1.400',
  dark: 'M19 14.500A7.500 7.500 0 0 1 9.500 5a7.500 7.500 0 1 0 9.500 9.500z',
  auto: 'M4 5h16v11H4zM9 20h6M12 16v4',
  key: 'M14.500 4a5.500 5.500 0 1 1-5 7.800L4 17v3h4v-2h2v-2h1.500M15.500 8.500h.01',
  link: 'M10 14a4 4 0 0 0 5.700 0l3-3A4 4 0 1 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 1 0 11 18.700l1-1',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
