// Makes Gazebo's programs wait until the X server has the windows that they make: preloaded.
//
// OGRE creates a window through one connection to the X server, flushes that, and draws on the
// window through another. A busy server may look at the second connection first; the window is not
// there yet, Mesa takes the size of nothing for its size, and the program dies. It happened to one
// gzclient in ten, without a word.

struct _XDisplay;

extern "C" int XSync(_XDisplay *display, int discard);

extern "C" int XFlush(_XDisplay *display)
{
  return XSync(display, 0);
}
